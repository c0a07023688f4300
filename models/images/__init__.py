"""Images for every family that looks at them: decoding, hashes, quality, faces, and a trained classifier.

No I/O: bytes and arrays in, arrays out.
"""

"""What is seen and said in a video: scenes, thumbnails, crops, captions. No file is opened here."""

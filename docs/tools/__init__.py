"""What builds the reference from the code, and what checks that the pages are true."""

"""What comes out: the result of a video and the file formats of the field."""

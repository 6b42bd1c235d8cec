"""Video files and folders of images, as lazy frames."""

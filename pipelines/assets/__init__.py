"""The assets, from the images folder to a published atlas and what it says of the images."""

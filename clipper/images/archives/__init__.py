"""Images in archives: tar, zip, tables with image bytes, pages of one TIFF. They are read in place."""

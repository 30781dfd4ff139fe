"""The files of an images folder as columns, and where those in archives lie."""

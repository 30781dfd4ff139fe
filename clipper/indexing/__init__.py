"""The steps from a folder to a published atlas, each incremental."""

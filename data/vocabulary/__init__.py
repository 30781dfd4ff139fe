"""The script and the lists that make `clipper/insight/words/vocabulary.txt`."""

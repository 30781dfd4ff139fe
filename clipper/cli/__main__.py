"""`python -m clipper.cli`."""

from clipper.cli import main

main()

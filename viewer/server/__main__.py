"""`python -m viewer.server`, with the options of `panel serve`."""

from viewer.server.processes.start import main

main()

"""`python -m editor`: the command line."""

import signal
import sys

from editor.cli import main

if __name__ == "__main__":
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # being ended is being stopped: no file stays half written
    sys.exit(main())

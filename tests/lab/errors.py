"""The one error a user of the lab may meet by a mistake or by the state of the machine."""


class LabError(Exception):
    """One sentence that names the thing and the next move; the command line prints it without a traceback."""

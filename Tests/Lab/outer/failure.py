"""The one error of the lab: it becomes a line on stderr and the status 125."""


class LabError(Exception):
    """Something other than the command failed. The text is one line, outside in."""

"""Every line of a switch's journal, after which a fault drill can end the program."""

INSTANTS = (
    *(f"{mark}:ready" for mark in ("intent", "copied", "done")),
    *(f"{mark}:stopped" for mark in ("intent", "stop", "done")),
    *(f"{mark}:set-aside" for mark in ("intent", "rename", "done")),
    *(f"{mark}:imported" for mark in ("intent", "staged", "done")),
    *(f"{mark}:swapped" for mark in ("intent", "current", "done")),
    *(f"{mark}:active" for mark in ("intent", "done")),
    *(f"{mark}:healthy" for mark in ("intent", "start", "gate", "done")),
    *(f"{mark}:put-back" for mark in ("intent", "stop", "rows", "files", "start", "done")),
    "done:closed",
)

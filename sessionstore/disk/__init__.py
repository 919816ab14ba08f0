"""Files and directories by descriptor: never through a link, never across a mount unseen."""

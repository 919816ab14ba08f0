"""What the rows of a database say: misfiled keys, growth, figures."""

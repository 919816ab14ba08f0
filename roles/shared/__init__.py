"""What two roles need of pyinfra: a file put in place, packages, a script for the shell."""

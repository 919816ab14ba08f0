"""What a directory of session files holds, listed and judged by form."""

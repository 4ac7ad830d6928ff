"""How the book's notebooks are found, executed, stored, compared and checked."""

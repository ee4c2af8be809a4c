"""Random requests for each door of the server, made from its own message types and URL patterns; and who sends them."""

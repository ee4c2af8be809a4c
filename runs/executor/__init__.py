"""The executor: holds actions as asyncio tasks. Knows no Django and no database; talks to the server by one WebSocket."""

"""Language models behind OpenAI-compatible servers: client, journal, engine, local server."""

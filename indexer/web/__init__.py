"""`index serve`: an HTTP API and a page over one index. The only package that imports FastAPI and uvicorn."""

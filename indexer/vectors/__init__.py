"""Where vectors are searched: in a folder of this machine, or on a Milvus server; which of them, a URL says."""

"""One folder a family; a folder that is here is a family, and is imported when a checkpoint of its kind is opened."""

from tests.training.conftest import child_env

__all__ = ["child_env"]

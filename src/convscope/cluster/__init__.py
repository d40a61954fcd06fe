"""The same work on a Ray cluster; imported only when it is asked for, and needs the extra ``ray``."""

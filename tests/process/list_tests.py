"""list_tests.py FILE: the names of its tests, one a line, for CMake."""

import importlib.util
import os
import pathlib
import sys
import unittest

path = pathlib.Path(sys.argv[1])
os.environ.setdefault("MOOTD", "mootd")
os.environ.setdefault("MOOT", "moot")
sys.dont_write_bytecode = True
sys.path.insert(0, str(path.parent))
spec = importlib.util.spec_from_file_location("listed", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for suite in unittest.defaultTestLoader.loadTestsFromModule(module):
    for test in suite:
        print(test.id().removeprefix("listed."))

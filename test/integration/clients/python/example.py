"""Runs a program of examples/ with stubs made at run time (stubs.py): its arguments follow its path."""

import argparse
import pathlib
import runpy
import sys

import stubs

EXAMPLES = pathlib.Path(__file__).parents[4] / "examples"

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--descriptors", required=True)
parser.add_argument("script", help="from examples/")
options, rest = parser.parse_known_args()
stubs.generate(options.descriptors)
script = EXAMPLES / options.script
sys.argv = [str(script), *rest]
sys.path.insert(0, str(script.parent))
runpy.run_path(str(script), run_name="__main__")

"""No module of the commands and the local stack uses one that uses it."""

from __future__ import annotations

import graphlib

import grimp


def test_no_module_uses_one_that_uses_it():
    graph = grimp.build_graph("infra", cache_dir=None)
    uses = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    # Raises an error that names the circle.
    graphlib.TopologicalSorter(uses).prepare()
    assert "infra.local.stack" in uses["infra.local.memory"], "what is imported is seen"

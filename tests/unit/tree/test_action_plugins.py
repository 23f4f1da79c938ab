"""Every module runs in-process on the controller: it has an action plugin of its name, always the same one."""

from tests.unit.tree.source import MODULES, python_files, text

ACTIONS = "plugins/action/"
IMPORT = "from ansible_collections.altair.mysql_ha.plugins.plugin_utils._in_process import ActionModule\n"


def test_each_module_has_the_one_action_plugin_under_its_name_and_no_other_exists() -> None:
    modules = {path.removeprefix(MODULES) for path in python_files(MODULES)}
    actions = {path.removeprefix(ACTIONS) for path in python_files(ACTIONS)}
    assert actions == modules
    assert all(IMPORT in text(path) for path in python_files(ACTIONS))
    assert len({text(path) for path in python_files(ACTIONS)}) == 1

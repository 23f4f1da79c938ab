"""Every module runs in-process on the controller: it has an action plugin of its name, always the same one."""

from tests.unit.tree.source import MODULES, TREE, python_files

ONE = TREE / "plugins/plugin_utils/_in_process.py"


def test_each_module_has_the_one_action_plugin_under_its_name_and_no_other_exists() -> None:
    modules = {path.rpartition("/")[2] for path in python_files(MODULES)}
    links = list((TREE / "plugins/action").glob("*.py"))
    assert {link.name for link in links} == modules
    assert all(link.is_symlink() and link.resolve() == ONE for link in links)

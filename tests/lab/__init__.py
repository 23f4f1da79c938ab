"""The lab: real MySQL, ZooKeeper and BIND on hosts made of namespaces, all on this machine and gone after `down`."""

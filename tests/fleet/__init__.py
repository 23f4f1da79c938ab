"""A fleet of simulated agents against one real monitor and a real ZooKeeper: is a beat missed, what does it cost?"""

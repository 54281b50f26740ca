#!/bin/sh
cat <<'JSON'
{"_meta": {"hostvars": {
    "s1": {"ansible_host": "10.3.0.1", "ansible_port": 2201, "zone": "z1"},
    "s2": {"ansible_user": "own", "zone": "z2"}}},
 "all": {"vars": {"ansible_user": "everyone", "ansible_port": 22}},
 "web": {"hosts": ["s1", "s2"], "vars": {"ansible_user": "web", "role": "web"}},
 "short": ["s2", "s3"],
 "alpha": {"hosts": ["s2"], "vars": {"rack": 1, "ansible_group_priority": 5}},
 "beta": {"hosts": ["s2"], "vars": {"rack": 2}},
 "prod": {"children": ["web", "nowhere"], "vars": {"ansible_become": true, "role": "prod"}},
 "empty": {"hosts": []}}
JSON

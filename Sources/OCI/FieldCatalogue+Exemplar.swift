extension FieldCatalogue {
    /// A config.json in which each object of the spec is there once, with the members that it must have.
    ///
    /// Whoever adds an object to the readers adds it here; a test looks for what is missing.
    static let exemplar = """
        {
          "ociVersion": "1.3.0",
          "root": {"path": "rootfs"},
          "process": {
            "cwd": "/", "consoleSize": {"height": 1, "width": 1}, "user": {}, "capabilities": {},
            "rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}],
            "scheduler": {"policy": "SCHED_OTHER"}, "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 0},
            "execCPUAffinity": {}
          },
          "mounts": [{
            "destination": "/",
            "uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}],
            "gidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]
          }],
          "hooks": {
            "prestart": [{"path": "/a"}], "createRuntime": [{"path": "/a"}], "createContainer": [{"path": "/a"}],
            "startContainer": [{"path": "/a"}], "poststart": [{"path": "/a"}], "poststop": [{"path": "/a"}]
          },
          "linux": {
            "uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}],
            "gidMappings": [{"containerID": 0, "hostID": 0, "size": 1}],
            "resources": {
              "devices": [{"allow": false}], "memory": {}, "cpu": {}, "pids": {},
              "blockIO": {
                "weightDevice": [{"major": 1, "minor": 1}],
                "throttleReadBpsDevice": [{"major": 1, "minor": 1, "rate": 1}],
                "throttleWriteBpsDevice": [{"major": 1, "minor": 1, "rate": 1}],
                "throttleReadIOPSDevice": [{"major": 1, "minor": 1, "rate": 1}],
                "throttleWriteIOPSDevice": [{"major": 1, "minor": 1, "rate": 1}]
              },
              "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
              "network": {"priorities": [{"name": "eth0", "priority": 0}]},
              "rdma": {"mlx5_1": {}}
            },
            "namespaces": [{"type": "pid"}],
            "devices": [{"path": "/dev/a", "type": "c", "major": 1, "minor": 1}],
            "netDevices": {"eth0": {}},
            "seccomp": {
              "defaultAction": "SCMP_ACT_ALLOW",
              "syscalls": [{
                "names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]
              }]
            },
            "intelRdt": {}, "memoryPolicy": {"mode": "MPOL_DEFAULT"}, "personality": {"domain": "LINUX"},
            "timeOffsets": {"monotonic": {}}
          },
          "vm": {
            "hypervisor": {}, "kernel": {}, "image": {},
            "hwConfig": {"iomems": [{"firstMFN": 0, "nrMFNs": 0}]}
          }
        }
        """
}

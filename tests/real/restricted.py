"""The profile "restricted" of Kubernetes's Pod Security Standards, for Linux, as of 1.35, and what
deploy/kubernetes promises beyond it."""

import copy

SECCOMP = ["RuntimeDefault", "Localhost"]
VOLUMES = ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"]
VOLUMES += ["projected", "secret"]
SYSCTLS = ["kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies"]
SYSCTLS += ["net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start"]
SYSCTLS += ["net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time"]
SYSCTLS += ["net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"]
SYSCTLS += ["net.ipv4.tcp_keepalive_probes"]
SELINUX = [None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"]
PROBES = ["startupProbe", "livenessProbe", "readinessProbe"]
NOTHING = {}


def handlers(container):
    """What the kubelet calls of a container."""
    found = [container[probe] for probe in PROBES if probe in container]
    return found + list(container.get("lifecycle", {}).values())


def violations(pod):
    """The names of the rules that a pod's spec breaks."""
    found = set()

    def rule(called, holds):
        if not holds:
            found.add(called)

    ours = pod.get("securityContext", {})
    containers = [*pod["containers"], *pod.get("initContainers", [])]
    containers += pod.get("ephemeralContainers", [])

    rule("host namespaces", not any(pod.get(f"host{of}") for of in ["Network", "PID", "IPC"]))
    for volume in pod.get("volumes", []):
        rule("volume types", set(volume) - {"name"} <= set(VOLUMES))
    for sysctl in ours.get("sysctls", []):
        rule("sysctls", sysctl["name"] in SYSCTLS)

    for container in containers:
        own = container.get("securityContext", {})
        both = [ours, own]

        def of(key, own=own):
            return own.get(key, ours.get(key))

        capabilities = own.get("capabilities", {})
        rule("capabilities", "ALL" in capabilities.get("drop", []))
        rule("capabilities", set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"})
        rule("privileged", not own.get("privileged"))
        rule("privilege escalation", own.get("allowPrivilegeEscalation") is False)
        rule("non-root", of("runAsNonRoot") is True)
        rule("non-root user", of("runAsUser") != 0 and ours.get("runAsUser") != 0)
        rule("seccomp", of("seccompProfile") and of("seccompProfile")["type"] in SECCOMP)
        rule("proc mount", own.get("procMount", "Default") == "Default")
        for context in both:
            windows = context.get("windowsOptions", NOTHING)
            rule("host process", not windows.get("hostProcess"))
            rule("seccomp", context.get("seccompProfile", {"type": SECCOMP[0]})["type"] in SECCOMP)
            armor = context.get("appArmorProfile", {"type": SECCOMP[0]})
            rule("AppArmor", armor["type"] in SECCOMP)
            linux = context.get("seLinuxOptions", NOTHING)
            rule("SELinux", linux.get("type") in SELINUX)
            rule("SELinux", not linux.get("user") and not linux.get("role"))
        for port in container.get("ports", []):
            rule("host ports", not port.get("hostPort"))
        for handler in handlers(container):
            for kind in ["httpGet", "tcpSocket"]:
                rule("probe hosts", not handler.get(kind, {}).get("host"))

        # Beyond the profile.
        rule("root file system", own.get("readOnlyRootFilesystem") is True)
        rule("memory limit", "memory" in container.get("resources", {}).get("limits", {}))
    rule("token", pod.get("automountServiceAccountToken") is False)
    return found


# A rule, and a change by which a pod that keeps all of them breaks that one: where, and to what.
CONTAINER = ["containers", 0]
CONTEXT = [*CONTAINER, "securityContext"]
ABSENT = object()
BROKEN = [
    ("host namespaces", ["hostNetwork"], True),
    ("host namespaces", ["hostPID"], True),
    ("host namespaces", ["hostIPC"], True),
    ("volume types", ["volumes", 0], {"name": "config", "hostPath": {"path": "/"}}),
    ("sysctls", ["securityContext", "sysctls"], [{"name": "kernel.msgmax", "value": "1"}]),
    ("capabilities", [*CONTEXT, "capabilities"], ABSENT),
    ("capabilities", [*CONTEXT, "capabilities", "drop"], ["NET_RAW"]),
    ("capabilities", [*CONTEXT, "capabilities", "add"], ["SYS_TIME"]),
    ("privileged", [*CONTEXT, "privileged"], True),
    ("privilege escalation", [*CONTEXT, "allowPrivilegeEscalation"], ABSENT),
    ("privilege escalation", [*CONTEXT, "allowPrivilegeEscalation"], True),
    ("non-root", ["securityContext", "runAsNonRoot"], ABSENT),
    ("non-root", [*CONTEXT, "runAsNonRoot"], False),
    ("non-root user", ["securityContext", "runAsUser"], 0),
    ("non-root user", [*CONTEXT, "runAsUser"], 0),
    ("seccomp", ["securityContext", "seccompProfile"], ABSENT),
    ("seccomp", ["securityContext", "seccompProfile", "type"], "Unconfined"),
    ("seccomp", [*CONTEXT, "seccompProfile"], {"type": "Unconfined"}),
    ("proc mount", [*CONTEXT, "procMount"], "Unmasked"),
    ("host process", [*CONTEXT, "windowsOptions"], {"hostProcess": True}),
    ("AppArmor", [*CONTEXT, "appArmorProfile"], {"type": "Unconfined"}),
    ("SELinux", ["securityContext", "seLinuxOptions"], {"type": "spc_t"}),
    ("SELinux", [*CONTEXT, "seLinuxOptions"], {"user": "root"}),
    ("host ports", [*CONTAINER, "ports", 0, "hostPort"], 10520),
    ("probe hosts", [*CONTAINER, "livenessProbe", "httpGet", "host"], "10.0.0.1"),
    ("root file system", [*CONTEXT, "readOnlyRootFilesystem"], ABSENT),
    ("memory limit", [*CONTAINER, "resources", "limits"], ABSENT),
    ("token", ["automountServiceAccountToken"], ABSENT),
]


def broken(pod):
    """Each of BROKEN: the rule, where, and the pod that breaks it."""
    for called, [*path, key], value in BROKEN:
        wrong = copy.deepcopy(pod)
        within = wrong
        for step in path:
            within = within[step]
        if value is ABSENT:
            del within[key]
        else:
            within[key] = value
        yield called, ".".join(map(str, [*path, key])), wrong

"""Lists the plugins that are installed for this interpreter, as one line of JSON, without importing anything of them.

usage: python -c SOURCE [--check MODULE:CLASS …] [--digest PACKAGE …]

    {"executable", "version",
     "plugins": [{"distribution", "version", "entry_point", "value", "package", "manifest": {"path", "text"}, "problem"}],
     "checked": {MODULE:CLASS: problem, null if it is there},
     "digests": {PACKAGE: {"sha256", "files", "bytes", "problem"}}}

Distributions are read from their metadata's folders and not by importlib.metadata, which takes 35 ms to import.
"""

import os
import sys

sys.path[:] = [folder for folder in sys.path if folder]
import importlib.machinery
import json

GROUP = "aiperf.plugins"
MANIFESTS = ("plugins.yaml", "registry.yaml")
FILE_BYTES_MAX = 1 << 20
PACKAGE_BYTES_MAX = 10 << 20
PACKAGE_FILES_MAX = 10_000


class Problem(Exception):
    """What is wrong with one plugin. The others are listed all the same."""


def read(path, limit=FILE_BYTES_MAX):
    """A file's bytes. Raises Problem if it cannot be read or is longer than the limit."""
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Problem(f"failed to read `{path}`: {error.strerror}") from error
    if len(data) > limit:
        raise Problem(f"`{path}` is longer than {limit} bytes")
    return data


def entry_points(folder):
    """The entry points of the group in a folder of metadata: pairs of name and value."""
    found, section = [], None
    for line in read(os.path.join(folder, "entry_points.txt")).decode(errors="replace").splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif section == GROUP and "=" in line and not line.startswith("#"):
            # A name may hold a colon, as in `phase_hook:name`.
            name, _, value = line.partition("=")
            found.append((name.strip(), value.partition("[")[0].strip()))
    return found


def distributions():
    """Folders of metadata with entry points, with their distribution's name and version. The first of a name counts."""
    seen = set()
    for place in sys.path:
        try:
            names = sorted(os.listdir(place))
        except OSError:
            continue
        for name in names:
            folder = os.path.join(place, name)
            if name.endswith((".dist-info", ".egg-info")) and os.path.isfile(os.path.join(folder, "entry_points.txt")):
                fields = metadata(folder)
                distribution = fields.get("Name", name.partition("-")[0])
                key = distribution.lower().replace("-", "_").replace(".", "_")
                if key not in seen:
                    seen.add(key)
                    yield folder, distribution, fields.get("Version", "")


def metadata(folder):
    """The headers Name and Version of a distribution, those that can be read."""
    for file in ("METADATA", "PKG-INFO"):
        try:
            with open(os.path.join(folder, file), "rb") as head:
                lines = head.read(1 << 16).decode(errors="replace").splitlines()
        except OSError:
            continue
        pairs = [line.split(": ", 1) for line in lines[: lines.index("") if "" in lines else None] if ": " in line]
        return {name: value.strip() for name, value in pairs if name in ("Name", "Version")}
    return {}


def find_module(name):
    """The specification of a module, found by its path: not even the packages that it is in are imported. Raises Problem."""
    folders, done, spec = None, "", None
    for part in name.split("."):
        if done and folders is None:
            raise Problem(f"`{done}` is no package: there is no `{name}`")
        done = f"{done}.{part}" if done else part
        spec = find_top(part) if folders is None else find_inner(done, folders)
        if spec is None:
            raise Problem(f"there is no module `{done}` for {sys.executable}")
        folders = folders_of(spec)
    return spec


def find_top(name):
    """A module that is in no package: editable installations have finders of their own for it."""
    found = (finder.find_spec(name, None) for finder in sys.meta_path if hasattr(finder, "find_spec"))
    return next((spec for spec in found if spec is not None), None)


def find_inner(name, folders):
    """A module of a package that is in these folders."""
    try:
        return importlib.machinery.PathFinder.find_spec(name, folders)
    except KeyError:
        # A namespace package looks for its parent among the imported modules: this one is its folders.
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        inner = [os.path.join(folder, name.rpartition(".")[2]) for folder in folders]
        spec.submodule_search_locations = [folder for folder in inner if os.path.isdir(folder)]
        return spec


def folders_of(spec):
    """The folders of a package, `None` of another module."""
    found = spec.submodule_search_locations
    return None if found is None else [str(folder) for folder in found]


def manifest(value):
    """The path and the text of the manifest that an entry point leads to. Raises Problem."""
    module, _, attribute = value.partition(":")
    names = [attribute] if attribute.endswith((".yaml", ".yml")) else MANIFESTS
    folders = []
    # From the module's own package up.
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        folders += folders_of(find_module(".".join(parts[:length]))) or []
    for folder in folders:
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                return {"path": path, "text": read(path).decode(errors="replace")}
    if not folders:
        raise Problem(f"`{module}` is no package: a manifest is a file of a package")
    raise Problem(f"there is no {' or '.join(names)} in `{folders[0]}`")


def plugins():
    """What is installed."""
    found = []
    for folder, distribution, version in distributions():
        about = {"distribution": distribution, "version": version}
        try:
            pairs = entry_points(folder)
        except Problem as problem:
            nothing = {"entry_point": None, "value": None, "package": None, "manifest": None}
            found.append({**about, **nothing, "problem": str(problem)})
            continue
        for name, value in pairs:
            package = value.partition(":")[0].partition(".")[0].strip()
            one = {**about, "entry_point": name, "value": value, "package": package, "manifest": None, "problem": None}
            try:
                one["manifest"] = manifest(value)
            except Problem as problem:
                one["problem"] = str(problem)
            found.append(one)
    return found


def check(path):
    """Raises Problem if a module of source code has no such class, or it cannot be seen."""
    import ast

    module, _, names = path.partition(":")
    if not names or not all(part.isidentifier() for part in [*module.split("."), *names.split(".")]):
        raise Problem(f"`{path}` is no class: write it as package.module:Class")
    origin = find_module(module).origin
    if origin is None or not origin.endswith(".py"):
        raise Problem(f"`{module}` is not a file of Python code ({origin}): what it has is not known before it runs")
    try:
        body = ast.parse(read(origin)).body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise Problem(f"failed to parse `{origin}`: {error}") from error
    defined, wildcard = names_of(body)
    if names.split(".")[0] not in defined and not wildcard:
        raise Problem(f"`{module}` has no `{names.split('.')[0]}` ({origin})")


def names_of(body):
    """The names that statements define, and whether they import all of another module."""
    import ast

    names, wildcard = set(), False
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
            wildcard |= any(alias.name == "*" for alias in node.names)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))
        # What stands in `if`, `try` and `with` is at the top level of the module too.
        for inner in ("body", "orelse", "finalbody", "handlers"):
            if isinstance(node, (ast.If, ast.Try, ast.With, ast.ExceptHandler)) and getattr(node, inner, None):
                more, all_of_it = names_of(getattr(node, inner))
                names |= more
                wildcard |= all_of_it
    return names, wildcard


def digest(package):
    """SHA-256 over a package's code and manifests: of each file, by its path, the path, a zero, its length in 8 bytes and its bytes."""
    import hashlib

    spec = find_module(package)
    files = {}
    for folder in folders_of(spec) or ():
        for place, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name != "__pycache__"]
            files.update((os.path.relpath(os.path.join(place, name), folder), os.path.join(place, name)) for name in names)
    if folders_of(spec) is None and spec.origin:
        files[os.path.basename(spec.origin)] = spec.origin
    files = {name: path for name, path in files.items() if name.endswith((".py", ".yaml")) and os.path.isfile(path)}
    if len(files) > PACKAGE_FILES_MAX:
        raise Problem(f"`{package}` has more than {PACKAGE_FILES_MAX} files")
    sha256, size = hashlib.sha256(), 0
    for name in sorted(files):
        data = read(files[name], PACKAGE_BYTES_MAX)
        size += len(data)
        if size > PACKAGE_BYTES_MAX:
            raise Problem(f"the code of `{package}` is longer than {PACKAGE_BYTES_MAX} bytes")
        sha256.update(os.fsencode(name) + b"\0" + len(data).to_bytes(8, "little") + data)
    return {"sha256": sha256.hexdigest(), "files": len(files), "bytes": size, "problem": None}


def main(arguments):
    """Prints the line."""
    try:
        # As the host does.
        sys.path += [] if getattr(sys.flags, "safe_path", False) else [os.getcwd()]
    except OSError:
        pass
    wanted = {"--check": [], "--digest": []}
    into = None
    for argument in arguments:
        if argument in wanted:
            into = wanted[argument]
        elif into is None:
            sys.exit(f"unknown argument {argument}")
        else:
            into.append(argument)
    found = {"executable": sys.executable, "version": ".".join(map(str, sys.version_info[:3])), "plugins": plugins()}
    found["checked"], found["digests"] = {}, {}
    for path in wanted["--check"]:
        try:
            found["checked"][path] = check(path)
        except Problem as problem:
            found["checked"][path] = str(problem)
    for package in wanted["--digest"]:
        try:
            found["digests"][package] = digest(package)
        except Problem as problem:
            found["digests"][package] = {"sha256": None, "files": None, "bytes": None, "problem": str(problem)}
    print(json.dumps(found))


main(sys.argv[1:])

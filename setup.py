"""Map the four top-level folders to `neurograsp.*` and build the filter kernel.

All else about the distribution is in pyproject.toml.
"""

from setuptools import Extension, find_packages, setup

FOLDERS = ("train", "convert", "edge_runtime", "firmware_bridge")

packages = [
    f"neurograsp.{name}"
    for folder in FOLDERS
    for name in [folder, *(f"{folder}.{sub}" for sub in find_packages(folder))]
]

setup(
    packages=packages,
    package_dir={package: package.removeprefix("neurograsp.").replace(".", "/") for package in packages},
    ext_modules=[
        Extension(
            "neurograsp.edge_runtime.dsp._kernel",
            sources=["edge_runtime/dsp/_kernel.c", "edge_runtime/dsp/kernel.c"],
            depends=["edge_runtime/dsp/kernel.h"],
            extra_compile_args=["-O3", "-std=c99"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)

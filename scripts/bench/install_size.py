"""What each installed distribution weighs, in MB on disk, largest first. Run it in the environment to be weighed."""

from importlib.metadata import distributions


def size_mb(distribution: object) -> float:
    files = distribution.files or []  # type: ignore[attr-defined]
    paths = (distribution.locate_file(file) for file in files)  # type: ignore[attr-defined]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def main() -> None:
    sizes = sorted(
        ((size_mb(found), found.metadata["Name"], found.version) for found in distributions()), reverse=True
    )
    for size, name, version in sizes:
        print(f"{size:8.1f}  {name} {version}")
    print(f"{sum(size for size, _, _ in sizes):8.1f}  in all")


if __name__ == "__main__":
    main()

import flyte

image = flyte.Image.from_debian_base(name="cow").with_pip_packages("cowsay==6.0").with_apt_packages("ffmpeg")
env = flyte.TaskEnvironment("cow", image=image)

@env.task
async def main() -> str:
    try:
        import cowsay
        return cowsay.__file__
    except ImportError as e:
        return f"none: {e}"

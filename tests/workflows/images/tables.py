"""pandas and numpy, pinned."""

import flyte

image = flyte.Image.from_debian_base(name="tables").with_pip_packages("pandas==2.3.3", "numpy==2.3.5")
env = flyte.TaskEnvironment("tables", image=image)


@env.task
async def main() -> str:
    import numpy as np
    import pandas as pd

    total = int(pd.Series(np.arange(10)).sum())
    return f"pandas {pd.__version__}, numpy {np.__version__}, {total}"

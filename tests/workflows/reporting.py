"""Writes a report whose script tries everything that a stranger's page must not do."""

import flyte
import flyte.report

env = flyte.TaskEnvironment(name="reporting")

HOSTILE = """
<h1>Loss by epoch</h1><p id="verdict">no script ran</p>
<script>
  const said = ["script ran"];
  const attempt = (what, act) => { try { act(); said.push(what + " REACHED"); } catch (error) { said.push(what + " refused"); } };
  attempt("parent", () => parent.document.title.length);
  attempt("cookies", () => document.cookie.length);
  attempt("storage", () => localStorage.length);
  attempt("top", () => { top.location.href = "about:blank#gone"; });
  fetch("/healthz").then(() => said.push("fetch REACHED"), () => said.push("fetch refused")).then(() => {
    document.getElementById("verdict").textContent = said.join(", ");
  });
</script>
"""


@env.task(report=True)
async def main() -> int:
    await flyte.report.replace.aio(HOSTILE)
    await flyte.report.flush.aio()
    return 7


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(main)
    print(run.url)
    run.wait()

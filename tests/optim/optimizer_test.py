"""Six updates of ours against torch.optim.AdamW and clip_grad_norm_: weights decay, norms, biases and behaviour rows do not."""
import json
import math
import subprocess
import sys

import numpy as np
import torch

ours = json.loads(subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout)


def decays(name):
    return not ("norm" in name or name.endswith("bias") or name.startswith("behavior."))


parameters = {}
for p in ours["parameters"]:
    index = np.arange(p["offset"], p["offset"] + p["count"], dtype=np.float64)
    parameters[p["name"]] = (torch.nn.Parameter(torch.tensor(np.cos(0.37 * index).astype(np.float32))), index, p)
groups = [{"params": [v[0] for n, v in parameters.items() if decays(n) == keep], "weight_decay": 0.1 if keep else 0.0}
          for keep in (True, False)]
assert all(g["params"] for g in groups)
optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.999), eps=1e-8)
worst = 0.0
for step in range(6):
    size = 0.001 if step % 2 == 0 else 0.5
    for parameter, index, _ in parameters.values():
        parameter.grad = torch.tensor((size * np.sin(0.7 * index + step)).astype(np.float32))
    norm = float(torch.nn.utils.clip_grad_norm_([v[0] for v in parameters.values()], 1.0))
    assert (norm > 1.0) == (size == 0.5), norm
    assert math.isclose(norm, ours["norms"][step], rel_tol=1e-6), (norm, ours["norms"][step])
    for group in optimizer.param_groups:
        group["lr"] = 0.01 / (step + 1)
    optimizer.step()
    flat = np.array(ours["weights"][step], dtype=np.float32)
    covered = np.zeros(flat.shape, dtype=bool)
    for name, (parameter, _, p) in parameters.items():
        part = slice(p["offset"], p["offset"] + p["count"])
        covered[part] = True
        worst = max(worst, float(np.abs(flat[part] - parameter.detach().numpy()).max()))
        assert np.allclose(flat[part], parameter.detach().numpy(), rtol=1e-6, atol=2e-7), (step, name)
    assert not flat[~covered].any(), "what lies between parameters stays zero"
print(f"AdamW and clipping agree with torch {torch.__version__}: largest difference {worst:.1e}")

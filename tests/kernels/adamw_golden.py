"""Write adamw_golden.json: five steps of torch.optim.AdamW, for optimizer_test.cpp.

    python tests/kernels/adamw_golden.py > tests/kernels/adamw_golden.json
"""
import json

import torch

torch.manual_seed(7)
torch.set_num_threads(1)
settings = dict(lr=3e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
scale = 0.37  # the clip factor
p = torch.nn.Parameter(torch.randn(37))
optimizer = torch.optim.AdamW([p], foreach=False, fused=False, **settings)
out = {"magic": "bsft adamw golden", "version": 1, "torch": torch.__version__, "settings": settings, "gradient_scale": scale,
       "start": p.tolist(), "steps": []}
for step in range(5):
    gradient = torch.randn(37) * 10 ** (step - 2)
    if step == 3:
        gradient.zero_()
    p.grad = gradient * scale
    optimizer.step()
    state = optimizer.state[p]
    out["steps"].append({"gradient": gradient.tolist(), "p": p.tolist(), "m": state["exp_avg"].tolist(), "v": state["exp_avg_sq"].tolist()})
print(json.dumps(out))

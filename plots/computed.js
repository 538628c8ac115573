window.computed = {"digest": "8ecaae04d6cf020fb7828e161621a0ae8a0050279b94b53f049909e92b113bb4", "date": "2026-11-27", "commit": "c304ac87e4b4", "processor": "AMD EPYC (x86_64)"};

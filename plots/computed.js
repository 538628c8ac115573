window.computed = {"digest": "8ecaae04d6cf020fb7828e161621a0ae8a0050279b94b53f049909e92b113bb4", "date": "2026-11-27", "commit": "9e3f763aa10d with changes", "processor": "AMD EPYC (x86_64)"};

import mlgym_core

mlgym_core.main()

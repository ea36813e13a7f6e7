import collator
import conv_net

import mlgym_core

mlgym_core.main()

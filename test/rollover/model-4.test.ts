import { playShard } from "./sim/shard.ts";

playShard(3);

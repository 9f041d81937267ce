/** Makes the folder that the browser test opens: two of the project's own designs, one with a testbench that leaves holes. */

import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const WEAK_TESTBENCH = `module tb_traffic_light;
  logic clk = 0, rst = 1, side_car = 0, pedestrian = 0, emergency = 0, night = 0;
  traffic_light dut (
      .clk(clk), .rst(rst), .side_car(side_car), .pedestrian(pedestrian), .emergency(emergency), .night(night),
      .main_light(), .side_light(), .walk(), .blink());
  always #5 clk = ~clk;
  initial begin
    #22 rst = 0;
    #200 $finish;
  end
endmodule
`;

/** Make it anew. */
export async function makeWorkspace(folder: string, project: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [design, file] of [
    ["traffic_light", "traffic_light.sv"],
    ["fifo_sync", "fifo_sync.sv"],
  ] as const) {
    await cp(join(project, "fixtures/designs", design, "rtl", file), join(folder, file));
  }
  await writeFile(join(folder, "tb_traffic_light.sv"), WEAK_TESTBENCH);
}

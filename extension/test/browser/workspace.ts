/** Makes the folders that the browser test opens: two of the project's own designs, one with a testbench that leaves holes. */

import { cp, mkdir, writeFile } from "node:fs/promises";
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

/** The files of a folder as it is made. */
export const FILES = ["fifo_sync.sv", "tb_traffic_light.sv", "traffic_light.sv"];

/** Make a folder with them; `settings` are the workspace's own. */
export async function makeWorkspace(folder: string, project: string, settings?: Record<string, unknown>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const design of ["traffic_light", "fifo_sync"]) {
    await cp(join(project, "fixtures/designs", design, "rtl", `${design}.sv`), join(folder, `${design}.sv`));
  }
  await writeFile(join(folder, "tb_traffic_light.sv"), WEAK_TESTBENCH);
  if (settings !== undefined) {
    await mkdir(join(folder, ".vscode"));
    await writeFile(join(folder, ".vscode/settings.json"), JSON.stringify(settings, undefined, 2));
  }
}

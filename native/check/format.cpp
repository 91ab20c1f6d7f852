#include "check/format.hpp"

#include "check/cases.hpp"
#include "check/expected.hpp"
#include "check/listed.hpp"
#include "check/run.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

namespace lb::check {
namespace {

void report(const Outcome &outcome, Totals &totals) {
    std::printf("%-6s %s: %ld results", outcome.wrong ? "FAILED" : "ok", outcome.name.c_str(),
                outcome.results);
    if (outcome.wrong)
        std::printf(", %ld wrong", outcome.wrong);
    std::putchar('\n');
    for (const std::string &complaint : outcome.complaints)
        std::printf("       %s\n", complaint.c_str());
    ++totals.checked;
    totals.failed += outcome.wrong != 0;
}

} // namespace

// Problem by problem, because working out what the results have to be takes longer than most
// kernels.
void check_format(const lb_format &format, const Selection &selection, Totals &totals) {
    std::vector<const lb_kernel *> chosen;
    std::vector<const lb_packing *> chosen_packings;
    int most_rows = 3;
    for (const lb_kernel &kernel : kernels()) {
        if (std::strcmp(kernel.format, format.name) != 0 ||
            !wanted(name_of(kernel), selection.glob))
            continue;
        if (const auto feature = lacking_feature(kernel); !feature.empty()) {
            ++totals.skipped;
            totals.lacking.insert(feature);
            std::printf("skip   %s: the CPU lacks %s\n", name_of(kernel).c_str(), feature.c_str());
            continue;
        }
        chosen.push_back(&kernel);
        most_rows = std::max(most_rows, 4 * kernel.panel_rows + 3);
    }
    for (const lb_packing &packing : packings()) {
        if (std::strcmp(packing.format, format.name) == 0 &&
            wanted(name_of(packing), selection.glob))
            chosen_packings.push_back(&packing);
    }
    if (chosen.empty() && chosen_packings.empty())
        return;
    const lb_vec_dot reference = reference_of(format.name);
    if (!reference) {
        std::printf("FAILED %s: no scalar vec_dot to compare with\n", format.name);
        ++totals.checked;
        ++totals.failed;
        return;
    }
    Random random(selection.seed);
    Runner runner(std::size_t{1} << 22, selection.seed);
    std::vector<Outcome> outcomes, packing_outcomes;
    for (const lb_kernel *kernel : chosen)
        outcomes.emplace_back(name_of(*kernel));
    for (const lb_packing *packing : chosen_packings)
        packing_outcomes.emplace_back(name_of(*packing));
    for (const Problem &problem : problems(format, most_rows, random)) {
        const Expected expected = expect(problem, reference);
        for (std::size_t i = 0; i < chosen.size(); ++i) {
            const lb_kernel &kernel = *chosen[i];
            if (kernel.shape == LB_VEC_DOT)
                runner.vec_dot(kernel, problem, expected, outcomes[i]);
            else if (const lb_packing *packing = packing_of(kernel))
                runner.panels(kernel, *packing, problem, expected, outcomes[i]);
            else
                outcomes[i].note("there is no packing for it");
        }
        for (std::size_t i = 0; i < chosen_packings.size(); ++i)
            runner.round_trip(*chosen_packings[i], problem, packing_outcomes[i]);
    }
    for (const Outcome &outcome : outcomes)
        report(outcome, totals);
    for (const Outcome &outcome : packing_outcomes)
        report(outcome, totals);
}

} // namespace lb::check

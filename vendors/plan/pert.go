package plan

import (
	"math"

	"lpready/analyze/effort"
)

// steps of a table of quantiles.
const steps = 512

// A quantiles table gives hours for a share of 0 to 1: that many of the cases
// take no longer.
type quantiles [steps + 1]float64

// at interpolates.
func (q *quantiles) at(u float64) float64 {
	x := u * steps
	i := int(x)
	if i >= steps {
		return q[steps]
	}
	return q[i] + (x-float64(i))*(q[i+1]-q[i])
}

// A shapes is quantiles of beta distributions on 0 to 1 by the place of their
// mode, which all that PERT needs.
type shapes map[float64]*quantiles

// of gives the table of a mode from 0 to 1: PERT's distribution has the
// parameters 1+4m and 5-4m, and the mean (1+4m)/6.
func (s shapes) of(mode float64) *quantiles {
	if q, ok := s[mode]; ok {
		return q
	}
	const grid = 4 * steps
	var cdf [grid + 1]float64
	density := func(x float64) float64 { return math.Pow(x, 4*mode) * math.Pow(1-x, 4-4*mode) }
	before := density(0)
	for i := 1; i <= grid; i++ { // Simpson's rule on each step
		a, b := float64(i-1)/grid, float64(i)/grid
		after := density(b)
		cdf[i] = cdf[i-1] + (before+4*density((a+b)/2)+after)/6/grid
		before = after
	}
	q, i := new(quantiles), 0
	for k := range q {
		want := cdf[grid] * float64(k) / steps
		for i < grid && cdf[i+1] < want {
			i++
		}
		x := float64(i)
		if i < grid && cdf[i+1] > cdf[i] {
			x += (want - cdf[i]) / (cdf[i+1] - cdf[i])
		}
		q[k] = x / grid
	}
	q[steps] = 1
	s[mode] = q
	return q
}

// add adds the quantiles of three-point hours, which go along with those in the
// table.
func (s shapes) add(sum *quantiles, p effort.Point) {
	width := p.Pessimistic - p.Optimistic
	if width <= 0 {
		for k := range sum {
			sum[k] += p.Optimistic
		}
		return
	}
	q := s.of((p.Likely - p.Optimistic) / width)
	for k := range sum {
		sum[k] += p.Optimistic + width*q[k]
	}
}
